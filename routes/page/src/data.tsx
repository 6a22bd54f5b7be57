import { useRef, useState } from "preact/hooks";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { useApp } from "./context.ts";
import { CubeList } from "./cube_list.tsx";
import { CubePreview } from "./cube_preview.tsx";
import { Panel } from "./panel.tsx";
import { sizeText } from "./quantity_text.ts";
import type { Session } from "./session.ts";
import { Empty, Failure } from "./status.tsx";
import { useStore } from "./store.ts";
import { uploadCube } from "./upload.ts";

type Upload =
  | { state: "sending"; file: File; share: number; stop: AbortController }
  | { state: "failed"; file: File; error: Error }
  | { state: "done"; file: File; cube: CubeRecord };

/** Bring measurements in, look at what was met in them, keep or throw away. */
export function Data({ session }: { session: Session }) {
  const app = useApp();
  const { mayUpload, reason } = useStore(app.ui, (ui) => ui.access);
  const [uploads, setUploads] = useState<Upload[]>([]);
  const put = (upload: Upload) =>
    setUploads((old) => [upload, ...old.filter(({ file }) => file !== upload.file)].slice(0, 6));
  const send = async (file: File, dataset?: string) => {
    const stop = new AbortController();
    put({ state: "sending", file, share: 0, stop });
    try {
      const cube = await uploadCube(file, {
        api: app.api,
        dataset,
        signal: stop.signal,
        onProgress: (share) => put({ state: "sending", file, share, stop }),
      });
      put({ state: "done", file, cube });
      app.ui.set({ revision: app.ui.get().revision + 1 });
    } catch (error) {
      put({ state: "failed", file, error: error as Error });
    }
  };
  const drop = (file: File) => setUploads((old) => old.filter((upload) => upload.file !== file));
  return (
    <div class="data-grid">
      <div class="data-side">
        {mayUpload
          ? <DropZone onFiles={(files) => files.forEach((file) => void send(file))} />
          : (
            <section class="panel" aria-label="Upload">
              <Empty title="Uploads are closed to visitors">
                <p>{reason}</p>
              </Empty>
            </section>
          )}
        {uploads.map((upload) => (
          <UploadCard
            key={`${upload.file.name} ${upload.file.size}`}
            upload={upload}
            onAgain={(dataset) => void send(upload.file, dataset)}
            onDrop={() => drop(upload.file)}
          />
        ))}
      </div>
      <CubeList session={session} open={(id) => openCube(app, id)} />
    </div>
  );
}

function DropZone({ onFiles }: { onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const { api } = useApp();
  return (
    <Panel
      title="Upload"
      exports={{ name: "upload", curl: api.curl("/v1/cubes?name=my-film", { method: "POST", file: "film.h5" }) }}
    >
      <div
        class={over ? "drop drop-over" : "drop"}
        onDragOver={(event) => (event.preventDefault(), setOver(true))}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          onFiles([...event.dataTransfer?.files ?? []]);
        }}
      >
        <p class="drop-title">Drop a file here</p>
        <p class="muted">NSID and USID HDF5, HyperSpy, Nanonis 3ds, NPY, NPZ and others</p>
        <button type="button" class="primary" onClick={() => input.current!.click()}>Choose a file</button>
        <input
          ref={input}
          type="file"
          multiple
          hidden
          aria-label="File to upload"
          onChange={(event) => {
            onFiles([...event.currentTarget.files ?? []]);
            event.currentTarget.value = "";
          }}
        />
      </div>
    </Panel>
  );
}

function UploadCard({ upload, onAgain, onDrop }: {
  upload: Upload;
  onAgain: (dataset?: string) => void;
  onDrop: () => void;
}) {
  const app = useApp();
  const { file } = upload;
  const { mayManage } = useStore(app.ui, (ui) => ui.access);
  const discard = async (cube: CubeRecord) => {
    try {
      await app.api.request(`/v1/cubes/${cube.id}`, { method: "DELETE" });
      onDrop();
      if (app.view.get().cube === cube.id) app.view.set({ cube: "", model: "", pins: [] });
      app.ui.set({ revision: app.ui.get().revision + 1, message: { text: "Discarded", tone: "good" } });
    } catch (error) {
      app.ui.set({ message: { text: (error as Error).message, tone: "bad" } });
    }
  };
  return (
    <Panel title={file.name} class="upload-card" note={<span>{sizeText(file.size)}</span>}>
      {upload.state === "sending" && (
        <div role="status">
          <progress value={upload.share} max={1} aria-label="Sent" />
          <p class="muted">
            {upload.share < 1
              ? `Sending, ${Math.floor(upload.share * 100)} %; goes on where it was if it is cut`
              : "Reading and checking …"}
          </p>
          <div class="buttons">
            <button type="button" onClick={() => upload.stop.abort()}>Cancel</button>
          </div>
        </div>
      )}
      {upload.state === "failed" && (
        <>
          <Failure error={upload.error} retry={() => onAgain()} />
          <div class="buttons">
            <button type="button" class="plain" onClick={onDrop}>Dismiss</button>
          </div>
        </>
      )}
      {upload.state === "done" && (
        <>
          <CubePreview cube={upload.cube} />
          {upload.cube.choices.length > 0 && (
            <label class="stacked">
              This file holds several data sets
              <select
                value={upload.cube.dataset}
                onChange={(event) => onAgain(event.currentTarget.value)}
              >
                {!upload.cube.choices.some(({ dataset }) => dataset === upload.cube.dataset) && (
                  <option value={upload.cube.dataset}>{upload.cube.dataset} (in use)</option>
                )}
                {upload.cube.choices.map(({ dataset, shape, quantity, reason }) => (
                  <option key={dataset} value={dataset}>
                    {[dataset, shape.join(" × "), quantity, reason].filter(Boolean).join(" · ")}
                  </option>
                ))}
              </select>
            </label>
          )}
          <div class="buttons">
            {mayManage && <button type="button" onClick={() => discard(upload.cube)}>Discard</button>}
            <button
              type="button"
              class="primary"
              onClick={() => {
                onDrop();
                openCube(app, upload.cube.id);
              }}
            >
              Keep and explore
            </button>
          </div>
        </>
      )}
    </Panel>
  );
}

function openCube({ view }: ReturnType<typeof useApp>, cube: string): void {
  view.set({
    tab: "explore",
    cube,
    model: "",
    pins: [],
    zoom: null,
    index: 0,
    layer: "slice",
    brush: null,
    pick: null,
    probe: null,
    region: null,
  });
}
