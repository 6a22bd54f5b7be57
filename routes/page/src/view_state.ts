/** Everything a permalink holds; short keys keep the address readable. */
export interface ViewState {
  tab: Tab;
  cube: string;
  /** `name@version`; empty before one is chosen. */
  model: string;
  /** `name@version` that the chosen model is compared with; empty for none. */
  other: string;
  /** What the map shows: `slice`, `image:NAME`, `error:mse`, … (layers.ts). */
  layer: string;
  /** Index on the spectral axis. */
  index: number;
  colours: string;
  /** Percentiles that the colours span. */
  range: [number, number];
  /** Row and column of each pin; the last one is in focus. */
  pins: Pin[];
  radius: number;
  /** Zoom factor and the map's centre in pixels (col, row); null is the whole map. */
  zoom: [number, number, number] | null;
  /** The two latent dimensions that are drawn. */
  dims: [number, number];
  components: number;
  /** Brushed rectangle in the latent plane: x0, y0, x1, y1. */
  brush: [number, number, number, number] | null;
  /** Rectangle of the map whose pixels are lit in the latent plane: row, col, rows, cols. */
  pick: [number, number, number, number] | null;
  /** Mixture class whose pixels are lit; -1 for none. */
  only: number;
  /** Also the nine-parameter fit of the loops. */
  fit: boolean;
  /** Suggested points are shown by this rule; empty shows none. */
  suggest: string;
  /** Point of the latent plane that is decoded. */
  probe: [number, number] | null;
  /** Colour of the scatter: a layer, or `class`. */
  scatter: string;
  /** Training region: row, col, rows, cols. */
  region: [number, number, number, number] | null;
  job: string;
  /** The experiment that is open in the tab `measure`. */
  experiment: string;
}

export interface Pin {
  row: number;
  col: number;
}

export type Tab = "explore" | "latent" | "compare" | "train" | "measure" | "data" | "models" | "report";
/** In the bar at the top; the report is reached from a model. */
export const TABS: readonly Tab[] = ["explore", "latent", "compare", "train", "measure", "data", "models"];

export const INITIAL_VIEW: ViewState = {
  tab: "explore",
  cube: "",
  model: "",
  other: "",
  layer: "slice",
  index: 0,
  colours: "",
  range: [2, 98],
  pins: [],
  radius: 0,
  zoom: null,
  dims: [0, 1],
  components: 4,
  brush: null,
  pick: null,
  only: -1,
  fit: false,
  suggest: "",
  probe: null,
  scatter: "class",
  region: null,
  job: "",
  experiment: "",
};

/** Ends every selection in the latent space. */
export const NO_SELECTION = { brush: null, pick: null, only: -1 } as const;

const numbers = (text: string): number[] => text.split(",").map(Number);
const rounded = (values: readonly number[]): string => values.map((value) => +value.toPrecision(6)).join(",");

function tuple<N extends number[]>(text: string, length: number): N | undefined {
  const values = numbers(text);
  return values.length === length && values.every(Number.isFinite) ? values as N : undefined;
}

function parsePins(text: string): Pin[] {
  return text.split("_").map((pin) => pin.split(".").map(Number))
    .filter((pin) => pin.length === 2 && pin.every((value) => Number.isInteger(value) && value >= 0))
    .slice(0, 8)
    .map(([row, col]) => ({ row, col }));
}

/** The address fragment that brings this view back; what equals the initial view is left out. */
export function formatView(view: ViewState): string {
  const query = new URLSearchParams();
  const put = (key: string, value: string, initial = "") => value !== initial && query.set(key, value);
  put("cube", view.cube);
  put("model", view.model);
  put("with", view.other);
  put("layer", view.layer, INITIAL_VIEW.layer);
  put("i", String(view.index), "0");
  put("colours", view.colours);
  put("range", rounded(view.range), rounded(INITIAL_VIEW.range));
  put("pins", view.pins.map((pin) => `${pin.row}.${pin.col}`).join("_"));
  put("r", String(view.radius), "0");
  put("zoom", view.zoom ? rounded(view.zoom) : "");
  put("dims", view.dims.join(","), "0,1");
  put("k", String(view.components), String(INITIAL_VIEW.components));
  put("brush", view.brush ? rounded(view.brush) : "");
  put("pick", view.pick ? view.pick.join(",") : "");
  put("only", String(view.only), "-1");
  put("fit", view.fit ? "yes" : "");
  put("suggest", view.suggest);
  put("probe", view.probe ? rounded(view.probe) : "");
  put("by", view.scatter, INITIAL_VIEW.scatter);
  put("region", view.region ? view.region.join(",") : "");
  put("job", view.job);
  put("experiment", view.experiment);
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%40", "@").replaceAll("%3A", ":");
  return `#/${view.tab}${text ? `?${text}` : ""}`;
}

/** Reads an address fragment; whatever cannot be read keeps its initial value. */
export function parseView(hash: string): ViewState {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const get = (key: string) => query.get(key) ?? undefined;
  const whole = (key: string, fallback: number, max: number) => {
    const value = Number(get(key) ?? fallback);
    return Number.isInteger(value) && value >= 0 && value <= max ? value : fallback;
  };
  const view = INITIAL_VIEW;
  return {
    tab: [...TABS, "report"].includes(path) ? path as Tab : view.tab,
    cube: get("cube") ?? "",
    model: get("model") ?? "",
    other: get("with") ?? "",
    layer: get("layer") ?? view.layer,
    index: whole("i", 0, 1 << 20),
    colours: get("colours") ?? "",
    range: tuple<[number, number]>(get("range") ?? "", 2) ?? view.range,
    pins: parsePins(get("pins") ?? ""),
    radius: whole("r", 0, 50),
    zoom: tuple<[number, number, number]>(get("zoom") ?? "", 3) ?? null,
    dims: tuple<[number, number]>(get("dims") ?? "", 2) ?? view.dims,
    components: Math.max(1, whole("k", view.components, 32)),
    brush: tuple<[number, number, number, number]>(get("brush") ?? "", 4) ?? null,
    pick: tuple<[number, number, number, number]>(get("pick") ?? "", 4) ?? null,
    only: get("only") === undefined ? -1 : whole("only", -1, 64),
    fit: get("fit") === "yes",
    suggest: get("suggest") ?? "",
    probe: tuple<[number, number]>(get("probe") ?? "", 2) ?? null,
    scatter: get("by") ?? view.scatter,
    region: tuple<[number, number, number, number]>(get("region") ?? "", 4) ?? null,
    job: get("job") ?? "",
    experiment: get("experiment") ?? "",
  };
}
