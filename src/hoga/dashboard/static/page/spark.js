// Sparklines: one path whose text is set anew. From 0 up to the largest value; a flat line where nothing moves.
export function sparkPath(values, width, height) {
  if (values.length < 2) return "";
  let most = 0;
  for (const value of values) if (value > most) most = value;
  const by = width / (values.length - 1), up = most > 0 ? (height - 2) / most : 0;
  let path = "", pen = "M";
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at];
    if (value == null) { pen = "M"; continue; }
    path += `${pen}${(at * by).toFixed(1)} ${(height - 1 - value * up).toFixed(1)}`;
    pen = "L";
  }
  return path;
}

export function sparkline(path, values, width, height) {
  const text = sparkPath(values, width, height);
  if (path.getAttribute("d") !== text) path.setAttribute("d", text);
}
