/** One line on a terminal that is written over; on anything else, one line an update. */
export interface ProgressLine {
  show(text: string): void;
  end(): void;
}

export function createProgressLine(write: (text: string) => void, isTerminal: boolean): ProgressLine {
  let shown = false;
  return {
    show(text) {
      shown = true;
      write(isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    },
    end() {
      if (shown && isTerminal) write("\n");
    },
  };
}

const WIDTH = 24;

/** `[######------] 12/40  train 0.2100  test 0.3400  2100 patches/s  18 s left` */
export function epochLine(data: Record<string, unknown>): string {
  const { epoch, epochs, trainLoss, testLoss, patchesPerSecond, etaSeconds } = data as Record<string, number | null>;
  const done = Math.round(WIDTH * (epoch ?? 0) / (epochs ?? 1));
  const loss = (value: number | null) => value === null ? "-" : value.toFixed(4);
  const parts = [
    `[${"#".repeat(done)}${"-".repeat(WIDTH - done)}] ${epoch}/${epochs}`,
    `train ${loss(trainLoss)}`,
    `test ${loss(testLoss)}`,
    `${Math.round(patchesPerSecond ?? 0)} patches/s`,
    `${Math.ceil(etaSeconds ?? 0)} s left`,
  ];
  return parts.join("  ");
}
