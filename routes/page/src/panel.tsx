import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { useApp } from "./context.ts";
import { save } from "./exports.ts";

/** What a panel's menu offers: files by ending, and the command that fetches the same. */
export interface PanelExports {
  name: string;
  curl?: string;
  files?: Record<string, () => Blob | Promise<Blob>>;
}

/** A titled box with its export menu. */
export function Panel({ title, note, exports, children, class: className = "", id }: {
  title: string;
  note?: ComponentChildren;
  exports?: PanelExports;
  children: ComponentChildren;
  class?: string;
  id?: string;
}) {
  return (
    <section class={`panel ${className}`} id={id} aria-label={title}>
      <header class="panel-head">
        <h2>{title}</h2>
        {note && <span class="panel-note">{note}</span>}
        {exports && <ExportMenu {...exports} title={title} />}
      </header>
      {children}
    </section>
  );
}

function ExportMenu({ name, curl, files = {}, title }: PanelExports & { title: string }) {
  const { ui } = useApp();
  const menu = useRef<HTMLDetailsElement>(null);
  const run = async (work: () => unknown, done: string) => {
    menu.current!.open = false;
    try {
      await work();
      ui.set({ message: { text: done, tone: "good" } });
    } catch (error) {
      ui.set({ message: { text: (error as Error).message, tone: "bad" } });
    }
  };
  const close = (event: KeyboardEvent) => {
    if (event.key === "Escape") menu.current!.open = false;
  };
  const leave = (event: FocusEvent) => {
    if (!menu.current!.contains(event.relatedTarget as Node | null)) menu.current!.open = false;
  };
  return (
    <details class="menu" ref={menu} onKeyDown={close} onFocusOut={leave}>
      <summary aria-label={`Export ${title}`} title="Export">⋯</summary>
      <div class="menu-items">
        {curl && (
          <button type="button" onClick={() => run(() => copyText(curl), "Command copied")}>
            Copy as curl
          </button>
        )}
        {Object.entries(files).map(([ending, make]) => (
          <button
            key={ending}
            type="button"
            onClick={() => run(async () => save(await make(), `${name}.${ending}`), `Saved ${name}.${ending}`)}
          >
            Save {ending.toUpperCase()}
          </button>
        ))}
      </div>
    </details>
  );
}

/** Copies text; over plain HTTP, where the clipboard interface is missing, through a selection. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return await navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
