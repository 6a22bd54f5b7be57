import { useRef, useState } from "preact/hooks";
import { useApp } from "./context.ts";
import { KEY_SLOT } from "./key_slot.ts";

/** Where a visitor gives an API key; it stays in this browser tab. */
export function KeyDialog() {
  const app = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const use = (key: string) => {
    if (key) sessionStorage.setItem(KEY_SLOT, key);
    else sessionStorage.removeItem(KEY_SLOT);
    setText("");
    dialog.current!.close();
    app.ui.set({ revision: app.ui.get().revision + 1 });
  };
  const present = sessionStorage.getItem(KEY_SLOT) !== null;
  return (
    <>
      <button type="button" class="plain" onClick={() => dialog.current!.showModal()}>Key{present ? " ✓" : ""}</button>
      <dialog ref={dialog} aria-labelledby="key-title">
        <form method="dialog" onSubmit={(event) => (event.preventDefault(), use(text.trim()))}>
          <h2 id="key-title">API key</h2>
          <p>Some services ask for a key before they upload or train. It is kept in this tab only.</p>
          <label>
            Key
            <input
              type="password"
              autocomplete="off"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <div class="buttons">
            <button type="button" class="plain" onClick={() => dialog.current!.close()}>Cancel</button>
            {present && <button type="button" onClick={() => use("")}>Forget it</button>}
            <button type="submit" class="primary">Use it</button>
          </div>
        </form>
      </dialog>
    </>
  );
}
