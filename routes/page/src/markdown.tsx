import type { VNode } from "preact";

/** The Markdown that cards use (headings, lists, tables, code, bold), as elements: text stays text. */
export function Markdown({ text }: { text: string }) {
  return <div class="markdown">{blocksOf(text).map((block, i) => <Block key={i} lines={block} />)}</div>;
}

function blocksOf(text: string): string[][] {
  const blocks: string[][] = [];
  let open: string[] | null = null;
  let fenced = false;
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("```")) fenced = !fenced;
    const heading = /^#{1,6} /.test(line) && !fenced;
    if (!fenced && line.trim() === "") open = null;
    else if (open && !heading && !/^#{1,6} /.test(open[0])) open.push(line);
    else blocks.push(open = [line]);
  }
  return blocks;
}

function Block({ lines }: { lines: string[] }): VNode {
  const [first] = lines;
  const heading = /^(#{1,6}) (.*)$/.exec(first);
  if (heading) return <p class={`md-h md-h${Math.min(heading[1].length, 3)}`}>{inline(heading[2])}</p>;
  if (first.startsWith("```")) return <pre>{lines.filter((line) => !line.startsWith("```")).join("\n")}</pre>;
  if (first.startsWith("|")) return <Table lines={lines} />;
  if (/^[-*] /.test(first)) {
    return <ul class="notes">{lines.map((line, i) => <li key={i}>{inline(line.replace(/^\s*[-*] /, ""))}</li>)}</ul>;
  }
  return <p>{inline(lines.join(" "))}</p>;
}

function Table({ lines }: { lines: string[] }) {
  const cells = (line: string) => line.replace(/^\||\|\s*$/g, "").split("|").map((cell) => cell.trim());
  const [head, ...body] = lines.filter((line) => !/^\|[\s:|-]+\|?\s*$/.test(line)).map(cells);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Table of the card">
      <table>
        <thead>
          <tr>{head.map((cell, i) => <th key={i} scope="col">{inline(cell)}</th>)}</tr>
        </thead>
        <tbody>
          {body.map((row, r) => <tr key={r}>{row.map((cell, i) => <td key={i}>{inline(cell)}</td>)}</tr>)}
        </tbody>
      </table>
    </div>
  );
}

function inline(text: string): (VNode | string)[] {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part, i) => {
    if (part.startsWith("**") && part.endsWith("**")) return <strong key={i}>{part.slice(2, -2)}</strong>;
    return part.startsWith("`") && part.endsWith("`") && part.length > 1
      ? <code key={i}>{part.slice(1, -1)}</code>
      : part;
  });
}
