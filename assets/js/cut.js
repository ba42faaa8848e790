// The beginning of a text, cut between what a reader sees as characters. Knows no DOM.

const segmenter = "Segmenter" in Intl ? new Intl.Segmenter("en", { granularity: "grapheme" }) : null;

// At most `max` code units; a single character that is longer is cut between code points.
export function beginning(text, max) {
  if (text.length <= max) return text;
  // Whatever follows much later does not change where the cut is.
  const near = text.slice(0, max * 2);
  let end = 0;
  for (const { index } of segmenter?.segment(near) ?? []) {
    if (index > max) break;
    end = index;
  }
  return text.slice(0, end || wholeCodePoint(text, max));
}

function wholeCodePoint(text, at) {
  const isLow = (unit) => unit >= 0xdc00 && unit <= 0xdfff;
  return isLow(text.charCodeAt(at)) ? at - 1 : at;
}
