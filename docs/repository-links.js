// Pages link to examples and models by their place in the repository. A built book stands alone: there these links lead to the repository.
"use strict";
for (const a of document.querySelectorAll("main a[href]")) {
  const path = a.getAttribute("href").match(/^(?:\.\.\/)+((?:benches|crates|examples|models)\/.*)$/);
  if (path) a.href = `https://github.com/candle-geometric/candle-geometric/tree/main/${path[1]}`;
}
