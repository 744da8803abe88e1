// CSV text, as pandas writes it, to records and back. Written here because the parser of Vega's
// library builds code from text, which the page's policy forbids.

// Fields of all lines: a list of lists of text.
function csvFields(text) {
  const lines = [[]];
  const field = /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r?\n|$)/g;
  while (field.lastIndex < text.length) {
    const [, content, end] = field.exec(text);
    const quoted = content.startsWith('"');
    lines.at(-1).push(quoted ? content.slice(1, -1).replaceAll('""', '"') : content);
    if (end === ",") continue;
    if (field.lastIndex < text.length) lines.push([]);
  }
  return lines;
}

// What a field says, by the type of its column; an empty number is null.
function csvValue(text, type) {
  if (type === "number") return text === "" ? null : Number(text.replace("inf", "Infinity"));
  if (type === "boolean") return text === "True";
  return text;
}

// Records, column → value. types: column → number, boolean or string.
function csvRecords(text, types) {
  const [head, ...lines] = csvFields(text);
  return lines.map((line) =>
    Object.fromEntries(head.map((name, at) => [name, csvValue(line[at], types[name])]))
  );
}

// A line of CSV.
function csvLine(fields) {
  return fields
    .map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(",");
}

// Offer text as a file.
function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
