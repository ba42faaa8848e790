// The beginning of a text, cut only between user-perceived characters (grapheme clusters). Knows nothing
// of the DOM.

const segmenter = "Segmenter" in Intl ? new Intl.Segmenter("en", { granularity: "grapheme" }) : null;

// At most `max` code units long; a single cluster that is longer is cut between code points.
export function beginning(text, max) {
  if (text.length <= max) return text;
  // Text far behind the cut does not affect it.
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
