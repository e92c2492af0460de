// The page is whole without this: it adds sorting, a filter, and a button beside code.
"use strict";

const valueOf = (row, column) => {
  const cell = row.cells[column];
  const given = cell.dataset.sort;
  return given === undefined ? cell.textContent.trim() : Number(given);
};

const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

function sort(table, header, column) {
  const numbers = header.classList.contains("n");
  const before = header.getAttribute("aria-sort") || (numbers ? "ascending" : "descending");
  const descending = before === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    rows.sort((a, b) => compare(valueOf(a, column), valueOf(b, column)) * (descending ? -1 : 1));
    body.append(...rows);
  }
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const body of document.querySelectorAll("table.sortable tbody")) {
    const group = body.querySelector("tr.group");
    let inside = 0;
    for (const row of body.rows) {
      if (row === group) continue;
      const said = ((group ? group.textContent : "") + " " + row.textContent).toLowerCase();
      row.hidden = !words.every((word) => said.includes(word));
      inside += row.hidden ? 0 : 1;
    }
    body.hidden = inside === 0;
    shown += inside;
  }
  if (words.length) for (const folded of document.querySelectorAll("details.agreeing")) folded.open = true;
  return shown;
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    if (header.classList.contains("values")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(table, header, column));
  });
}

const features = document.querySelector("#features h2");
if (features && document.querySelectorAll("table.sortable tbody tr").length > 12) {
  const bar = document.createElement("p");
  bar.className = "find";
  bar.innerHTML = '<label>Filter<input type="search" autocomplete="off" placeholder="feature, view or cause"></label><span role="status"></span>';
  features.after(bar);
  bar.querySelector("input").addEventListener("input", (event) => {
    const shown = filter(event.target.value);
    bar.querySelector("span").textContent = event.target.value ? `${shown} shown` : "";
  });
}

if (navigator.clipboard) {
  for (const code of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.querySelector("pre").textContent);
      button.textContent = "Copied";
    });
    code.append(button);
  }
}
