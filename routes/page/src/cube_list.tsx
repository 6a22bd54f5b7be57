import { useState } from "preact/hooks";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { type App, useApp } from "./context.ts";
import { healthText } from "./cube_preview.tsx";
import { CubeThumbnail } from "./cube_thumbnail.tsx";
import { save } from "./exports.ts";
import { LibraryList } from "./library_list.tsx";
import { dateText, sizeText } from "./quantity_text.ts";
import type { Session } from "./session.ts";
import { Loaded } from "./status.tsx";
import { useStore } from "./store.ts";

/** Every cube, newest first: find, open, rename, download, delete. */
export function CubeList({ session, open }: { session: Session; open: (id: string) => void }) {
  const app = useApp();
  const { mayManage } = useStore(app.ui, (ui) => ui.access);
  const remove = async (id: string) => {
    await app.api.request(`/v1/cubes/${id}`, { method: "DELETE" });
    if (app.view.get().cube === id) app.view.set({ cube: "", model: "", pins: [] });
  };
  return (
    <Loaded of={session.cubes}>
      {(cubes) => (
        <LibraryList
          title="Cubes"
          class="cube-list"
          exports={{ name: "cubes", curl: app.api.curl("/v1/cubes") }}
          loss="Maps and predictions go with them."
          empty="None yet"
          remove={mayManage ? remove : undefined}
          items={cubes.map((cube) => ({
            id: cube.id,
            name: cube.name,
            searched: [cube.id, cube.quantity, cube.format, cube.dataset, cube.createdAt].join(" "),
            thumbnail: <CubeThumbnail cube={cube} />,
            content: <CubeRow cube={cube} mayManage={mayManage} open={() => open(cube.id)} />,
          }))}
        />
      )}
    </Loaded>
  );
}

function CubeRow({ cube, mayManage, open }: { cube: CubeRecord; mayManage: boolean; open: () => void }) {
  const app = useApp();
  const [name, setName] = useState<string | null>(null);
  const rename = async (event: Event) => {
    event.preventDefault();
    if (await changeName(app, cube.id, name!)) setName(null);
  };
  return (
    <div class="row-text">
      {name === null
        ? <button type="button" class="link" onClick={open}>{cube.name}</button>
        : (
          <form class="inline-form" onSubmit={rename}>
            <label>
              New name
              <input
                required
                maxLength={200}
                autoFocus
                value={name}
                onInput={(event) => setName(event.currentTarget.value)}
                onKeyDown={(event) => event.key === "Escape" && setName(null)}
              />
            </label>
            <button type="submit">Rename</button>
          </form>
        )}
      <p class="muted">
        {dateText(cube.createdAt)} · {cube.shape.join(" × ")} · {cube.quantity || "no quantity"} · {cube.format} ·{" "}
        {sizeText(cube.sizeBytes)}
      </p>
      <p class="muted">{healthText(cube)}</p>
      <div class="row-tools">
        {mayManage && name === null && (
          <button
            type="button"
            class="plain"
            aria-label={`Rename ${cube.name}`}
            onClick={() => setName(cube.name)}
          >
            Rename
          </button>
        )}
        <Download cube={cube} what="values" label="HDF5" about="as it is used" />
        <Download cube={cube} what="file" label="File" about="as it was uploaded" />
      </div>
    </div>
  );
}

async function changeName({ api, ui }: App, id: string, name: string): Promise<boolean> {
  try {
    const headers = { "Content-Type": "application/json" };
    await api.request(`/v1/cubes/${id}`, { method: "PATCH", body: JSON.stringify({ name }), headers });
    ui.set({ revision: ui.get().revision + 1, message: { text: "Renamed", tone: "good" } });
    return true;
  } catch (error) {
    ui.set({ message: { text: (error as Error).message, tone: "bad" } });
    return false;
  }
}

/** The browser streams it to disk; where a key is in use, which a link cannot carry, the page fetches it whole. */
function Download({ cube, what, label, about }: {
  cube: CubeRecord;
  what: "values" | "file";
  label: string;
  about: string;
}) {
  const { api, ui } = useApp();
  const path = `/v1/cubes/${cube.id}/${what}`;
  const fetched = async (event: Event) => {
    if (Object.keys(api.authorization()).length === 0) return;
    event.preventDefault();
    try {
      save(await (await api.request(path)).blob(), what === "file" ? cube.name : `${cube.name}.h5`);
    } catch (error) {
      ui.set({ message: { text: (error as Error).message, tone: "bad" } });
    }
  };
  return (
    <a
      href={api.base + path}
      download
      aria-label={`${label} of ${cube.name} ${about}`}
      onClick={(event) => void fetched(event)}
    >
      {label}
    </a>
  );
}
