// Two short, soft tones, synthesised here rather than fetched.

const TONES = [
  [660, 0],
  [880, 0.11],
];

// Browsers keep a page silent until the user has interacted with it; a sound delayed that long is stale.
const LATE_MS = 1_000;

let context = null;

export async function play() {
  context ??= new AudioContext();
  const asked = performance.now();
  await context.resume();
  if (performance.now() - asked > LATE_MS) return;
  for (const [frequency, delay] of TONES) {
    const start = context.currentTime + delay;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.08, start + 0.01);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.25);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.26);
  }
}
