// The page as a whole: its colours, its folded parts, its addresses, and print.

const THEME = "signal-perception-theme";

// Storage is refused by some browsers for pages from disk; then the choice lasts as long as the page.
function remembered() {
  try {
    return localStorage.getItem(THEME) ?? "auto";
  } catch {
    return "auto";
  }
}

function remember(theme) {
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    return;
  }
}

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.querySelector(`input[name="theme"][value="${theme}"]`).checked = true;
}

function connectTheme() {
  const known = [...document.querySelectorAll('input[name="theme"]')];
  const choice = known.some((input) => input.value === remembered()) ? remembered() : "auto";
  showTheme(choice);
  for (const input of known) {
    input.addEventListener("change", () => {
      showTheme(input.value);
      remember(input.value);
    });
  }
}

// Open every folded part around the place that the address names, and go there.
function showAddress() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!place) return;
  for (let part = place; part; part = part.parentElement) {
    if (part.tagName === "DETAILS") part.open = true;
  }
  place.scrollIntoView();
}

const folded = () => [...document.querySelectorAll("details")];

function setAllOpen(open) {
  for (const part of folded()) part.open = open;
}

let openBefore = null;

function preparePrint() {
  if (openBefore) return;
  openBefore = new Map(folded().map((part) => [part, part.open]));
  setAllOpen(true);
  drawAll();
}

function afterPrint() {
  openBefore?.forEach((open, part) => (part.open = open));
  openBefore = null;
}

// Browsers tell of print in one way or in the other.
function connectPrint() {
  window.addEventListener("beforeprint", preparePrint);
  window.addEventListener("afterprint", afterPrint);
  const print = window.matchMedia("print");
  print.addEventListener("change", () => (print.matches ? preparePrint() : afterPrint()));
  document.getElementById("print").addEventListener("click", async () => {
    setAllOpen(true);
    await drawAll();
    window.print();
  });
}

connectTheme();
charts().forEach(connectChart);
document.querySelectorAll(".table").forEach(connectTable);
document.getElementById("open-all").addEventListener("click", () => setAllOpen(true));
document.getElementById("close-all").addEventListener("click", () => setAllOpen(false));
connectPrint();
watchCharts();
watchWidth();
window.addEventListener("hashchange", showAddress);
showAddress();
drawWhenIdle();
