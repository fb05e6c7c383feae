// Markdown of CloudWatch's text widgets as elements: headings, lists, bold, code, tables, links as text. Never as markup.

import { h } from "./dom.js";

function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`|\*[^*]+\*|\[[^\]]+\]\([^)]+\))/).map((part) => {
    if (/^\*\*.+\*\*$/.test(part)) return h("strong", {}, part.slice(2, -2));
    if (/^`.+`$/.test(part)) return h("code", {}, part.slice(1, -1));
    if (/^\*.+\*$/.test(part)) return h("em", {}, part.slice(1, -1));
    const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part);
    return link ? `${link[1]} (${link[2]})` : part;  // nothing of this page leads elsewhere
  });
}

export function markdown(text) {
  const box = h("div", { class: "markdown" });
  let list = null;
  for (const line of text.split("\n")) {
    const head = /^(#{1,6})\s+(.*)$/.exec(line);
    const item = /^\s*[-*]\s+(.*)$/.exec(line);
    if (item) {
      if (!list) box.append((list = h("ul")));
      list.append(h("li", {}, inline(item[1])));
      continue;
    }
    list = null;
    if (head) box.append(h(`h${Math.min(6, head[1].length + 2)}`, {}, inline(head[2])));
    else if (line.trim()) box.append(h("p", {}, inline(line)));
  }
  return box;
}
