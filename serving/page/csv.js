// CSV as spreadsheets write and read it (RFC 4180), with commas, semicolons or tabs.

const BYTE_ORDER_MARK = "\ufeff";

/** The rows of a file: {names, rows, separator, mark}; throws an Error that says what is wrong with it. */
export function parseCsv(bytes) {
  const text = decode(bytes);
  const separator = guessSeparator(text);
  const [names = [], ...rows] = cells(text, separator);
  if (!rows.length) throw new Error("The file holds no rows below the names of its columns.");
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`Two columns are called “${twice}”. Give each a name of its own.`);
  rows.forEach((row, index) => {
    if (row.length !== names.length) {
      throw new Error(
        `Row ${index + 2} has ${row.length} cells, but there are ${names.length} columns. ` +
          "Texts that hold a separator or a line break must stand in double quotes."
      );
    }
  });
  return { names, rows, separator, mark: bytes[0] === 0xef ? BYTE_ORDER_MARK : "" };
}

/** `mark` is the byte order mark of the file that came in: spreadsheets that write it want it back. */
export function formatCsv(rows, { separator, mark }) {
  const special = new RegExp(`["\\r\\n${separator}]`);
  const cell = (value) => (special.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return rows.map((row) => row.map((value) => cell(String(value))).join(separator) + "\r\n").reduce((all, line) => all + line, mark);
}

function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("The file is not UTF-8. Save it as “CSV UTF-8” and choose it again.");
  }
}

function guessSeparator(text) {
  const first = text.slice(0, /[\r\n]|$/.exec(text).index).replaceAll(/"[^"]*"/g, "");
  const count = (separator) => first.split(separator).length;
  return [",", ";", "\t"].reduce((best, other) => (count(other) > count(best) ? other : best));
}

function cells(text, separator) {
  const rows = [];
  let row = [];
  let at = 0;
  while (at < text.length) {
    const [value, end] = text[at] === '"' ? quoted(text, at, rows.length) : plain(text, at, separator);
    row.push(value);
    at = end;
    if (at < text.length && ![separator, "\n", "\r"].includes(text[at])) {
      throw new Error(`Row ${rows.length + 1}: there is text behind a closing double quote.`);
    }
    if (text[at] === separator) {
      at++;
      if (at < text.length) continue;
      row.push("");
    }
    if (row.length > 1 || row[0] !== "") rows.push(row); // empty lines are no rows
    row = [];
    at += text.startsWith("\r\n", at) ? 2 : 1;
  }
  return rows;
}

function plain(text, start, separator) {
  let end = start;
  while (end < text.length && text[end] !== separator && text[end] !== "\n" && text[end] !== "\r") end++;
  return [text.slice(start, end), end];
}

function quoted(text, start, rowsBefore) {
  let value = "";
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw new Error(`Row ${rowsBefore + 1}: a double quote is opened and never closed.`);
    value += text.slice(at, quote);
    if (text[quote + 1] !== '"') return [value, quote + 1];
    value += '"';
    at = quote + 2;
  }
}
