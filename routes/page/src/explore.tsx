import { useMemo } from "preact/hooks";
import { useApp } from "./context.ts";
import { Guide } from "./guide.tsx";
import { MapCard } from "./map_card.tsx";
import { usePixels } from "./pixel_data.ts";
import { ParameterPanel } from "./parameter_panel.tsx";
import { LoopPanel, PatchPanel } from "./pixel_panels.tsx";
import { type Derived, type Session } from "./session.ts";
import { useStore } from "./store.ts";
import { SuggestPanel } from "./suggest_panel.tsx";
import { SummarySentence } from "./summary_sentence.tsx";

/** The map on the left, the pinned pixels on the right. */
export function Explore({ session, derived }: { session: Session; derived: Derived }) {
  const app = useApp();
  const pins = useStore(app.view, (view) => view.pins);
  const hover = useStore(app.ui, (ui) => ui.hover);
  const { rows, cols } = session.cube!;
  const inside = useMemo(() => pins.filter(({ row, col }) => row < rows && col < cols), [pins, rows, cols]);
  const pixels = usePixels(session, derived, inside);
  const preview = useMemo(() => {
    const measured = hover && session.cube!.spectrumNow(hover.row, hover.col, 0);
    return hover && measured ? { pin: hover, measured } : undefined;
  }, [hover, session.cube]);
  return (
    <div class="explore">
      <SummarySentence session={session} derived={derived} />
      <div class="explore-grid">
        <div class="stack">
          <MapCard session={session} derived={derived} />
          {session.model && <SuggestPanel session={session} />}
        </div>
        <div class="explore-right">
          {pixels.length > 0
            ? <LoopPanel session={session} derived={derived} pixels={pixels} preview={preview} />
            : (
              <section class="panel empty" aria-label="No pin">
                <p class="empty-title">Pin a pixel</p>
                <p>Click the map, or focus it and press an arrow key.</p>
              </section>
            )}
          <div class={session.model?.model.network.direction === "spec2im" ? "explore-pair pair-even" : "explore-pair"}>
            <PatchPanel session={session} derived={derived} pixels={pixels} />
            <ParameterPanel session={session} derived={derived} pixels={pixels} />
          </div>
        </div>
      </div>
      <Guide session={session} derived={derived} />
    </div>
  );
}
