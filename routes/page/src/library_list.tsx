import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useApp } from "./context.ts";
import { Panel, type PanelExports } from "./panel.tsx";

/** A cube or a model in a list. */
export interface LibraryItem {
  id: string;
  name: string;
  /** What a search looks through, beside the name. */
  searched: string;
  thumbnail: ComponentChildren;
  content: ComponentChildren;
  /** Cannot be removed. */
  locked?: boolean;
}

interface Props {
  title: string;
  exports: PanelExports;
  items: readonly LibraryItem[];
  class: string;
  /** Absent where the visitor may not. */
  remove?: (id: string) => Promise<unknown>;
  /** What goes with them, for the question before. */
  loss: string;
  empty: string;
}

/** A list that can be searched, of which many can be removed at once. */
export function LibraryList({ title, exports, items, remove, loss, empty, class: className }: Props) {
  const app = useApp();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const found = items.filter((item) => matches(item, text));
  const marked = found.filter(({ id, locked }) => chosen.has(id) && !locked);
  const mark = (ids: readonly string[], on: boolean) =>
    setChosen((old) => new Set(on ? [...old, ...ids] : [...old].filter((id) => !ids.includes(id))));
  const removeMarked = async () => {
    const names = marked.slice(0, 5).map(({ name }) => name).join(", ") + (marked.length > 5 ? " …" : "");
    if (!confirm(`Delete ${marked.length}: ${names}? ${loss}`)) return;
    const failures: string[] = [];
    for (const { id, name } of marked) {
      await remove!(id).catch((error: Error) => failures.push(`${name}: ${error.message}`));
    }
    setChosen(new Set());
    const gone = marked.length - failures.length;
    const message = failures.length > 0
      ? { text: `${gone} deleted. ${failures[0]}`, tone: "bad" as const }
      : { text: `${gone} deleted`, tone: "good" as const };
    app.ui.set({ revision: app.ui.get().revision + 1, message });
  };
  const removable = found.filter(({ locked }) => !locked);
  const allMarked = removable.length > 0 && marked.length === removable.length;
  return (
    <Panel title={title} class={className} exports={exports} note={counted(found.length, items.length)}>
      <div class="list-tools">
        <input
          type="search"
          aria-label={`Search ${title.toLowerCase()}`}
          placeholder="Search"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {remove && removable.length > 1 && (
          <label class="list-all">
            <input
              type="checkbox"
              checked={allMarked}
              onChange={() => mark(removable.map(({ id }) => id), !allMarked)}
            />{" "}
            all
          </label>
        )}
        {marked.length > 0 && (
          <button type="button" class="danger" onClick={removeMarked}>Delete {marked.length} chosen</button>
        )}
      </div>
      <ul class="rows">
        {found.map(({ id, name, locked, thumbnail, content }) => (
          <li key={id}>
            {remove && (
              <input
                type="checkbox"
                aria-label={`Choose ${name}`}
                disabled={locked}
                checked={chosen.has(id) && !locked}
                onChange={(event) => mark([id], event.currentTarget.checked)}
              />
            )}
            {thumbnail}
            {content}
          </li>
        ))}
        {found.length === 0 && <li class="muted">{items.length ? "Nothing matches" : empty}</li>}
      </ul>
    </Panel>
  );
}

/** Every word of the search is somewhere in the name or what else is known. */
function matches({ name, searched }: LibraryItem, text: string): boolean {
  const all = `${name} ${searched}`.toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

function counted(found: number, all: number): string {
  return found === all ? String(all) : `${found} of ${all}`;
}
