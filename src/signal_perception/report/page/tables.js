// Tables: sorted by a click on a heading, and offered as CSV with all digits.

// What a cell is sorted by: its value, or the number that its text begins with, or its text.
function sortKey(cell) {
  const text = cell.dataset.value ?? cell.textContent.trim().replace("−", "-");
  if (text === "" || text === "–" || text === "-") return null;
  const number = Number.parseFloat(text);
  const isNumber = cell.dataset.value === undefined
    ? !Number.isNaN(number)
    : text !== "" && !Number.isNaN(Number(text));
  return isNumber ? number : text;
}

// The order of two keys; numbers before text, nothing last however it is sorted.
function compareKeys(one, other, sign) {
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === typeof other && typeof one === "number") return sign * (one - other);
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return sign * one.localeCompare(other, undefined, { numeric: true });
}

function sortBy(table, heading) {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  const at = heading.cellIndex;
  for (const each of heading.parentElement.cells) each.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: sortKey(row.cells[at]) }));
  rows.sort((one, other) => compareKeys(one.key, other.key, ascending ? 1 : -1));
  body.append(...rows.map(({ row }) => row));
}

// Which columns have intervals: their limits are columns of the file.
function withLimits(table, at) {
  return [...table.tBodies[0].rows].some((row) => row.cells[at].dataset.low !== undefined);
}

// A cell in the file: its value in full, or its text; and its limits, if the column has any.
function cellFields(cell, limits) {
  const value = cell.dataset.value ?? cell.textContent.trim();
  const own = value === "–" ? "" : value;
  return limits ? [own, cell.dataset.low ?? "", cell.dataset.high ?? ""] : [own];
}

function tableAsCsv(table) {
  const headings = [...table.tHead.rows[0].cells];
  const limits = headings.map((_, at) => withLimits(table, at));
  const head = headings.flatMap((cell, at) => {
    const title = cell.textContent.trim();
    return limits[at] ? [title, `${title}: low`, `${title}: high`] : [title];
  });
  const rows = [...table.tBodies[0].rows].map((row) =>
    [...row.cells].flatMap((cell, at) => cellFields(cell, limits[at]))
  );
  return [head, ...rows].map((fields) => `${csvLine(fields)}\n`).join("");
}

// The buttons of a table.
function connectTable(block) {
  const table = block.querySelector("table");
  for (const heading of table.tHead.rows[0].cells) {
    heading.querySelector("button").addEventListener("click", () => sortBy(table, heading));
  }
  block.querySelector("button.csv").addEventListener("click", () =>
    download(`${block.id}.csv`, "text/csv", tableAsCsv(table))
  );
}
