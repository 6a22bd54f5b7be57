import { render } from "preact";
import { ApiClient } from "./api_client.ts";
import { AppFrame } from "./app.tsx";
import { type App, AppContext, type UiState } from "./context.ts";
import { KEY_SLOT } from "./key_slot.ts";
import { ResourceCache } from "./resource_cache.ts";
import { createStore } from "./store.ts";
import { formatView, parseView } from "./view_state.ts";
import "uplot/dist/uPlot.min.css";

const THEME_SLOT = "loopscope.theme";

function initialUi(): UiState {
  const stored = localStorage.getItem(THEME_SLOT);
  const dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    hover: null,
    selected: null,
    theme: dark ? "dark" : "light",
    access: { mayUpload: true, mayTrain: true, mayManage: true, reason: "" },
    message: null,
    warm: false,
    guide: -1,
    revision: 0,
  };
}

/** The address follows the view and the view follows the address. */
function keepAddress({ view }: App): void {
  let shown = formatView(view.get());
  let timer: ReturnType<typeof setTimeout> | undefined;
  view.subscribe(() => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const next = formatView(view.get());
      if (next === shown) return;
      shown = next;
      history.replaceState(null, "", next);
    }, 120);
  });
  addEventListener("hashchange", () => {
    if (location.hash === shown) return;
    shown = location.hash;
    const next = parseView(location.hash);
    view.set(next);
  });
}

function keepTheme({ ui }: App): void {
  const apply = ({ theme }: UiState) => {
    document.documentElement.dataset.theme = theme;
  };
  apply(ui.get());
  let last = ui.get().theme;
  ui.subscribe((state) => {
    if (state.theme === last) return;
    last = state.theme;
    localStorage.setItem(THEME_SLOT, state.theme);
    apply(state);
  });
}

const app: App = {
  api: new ApiClient("", () => sessionStorage.getItem(KEY_SLOT) ?? ""),
  cache: new ResourceCache(),
  view: createStore(parseView(location.hash)),
  ui: createStore(initialUi()),
};
keepAddress(app);
keepTheme(app);
render(
  <AppContext.Provider value={app}>
    <AppFrame />
  </AppContext.Provider>,
  document.getElementById("app")!,
);
