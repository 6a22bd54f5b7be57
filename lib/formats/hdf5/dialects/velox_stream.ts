/** Ends one pixel's events. */
const PIXEL_ENDS = 65535;

/** The events of one detector by pixel. */
export interface StreamCounts {
  /** pixels + 1: where the events of each pixel begin in `channels` */
  starts: Uint32Array;
  /** Channel numbers, by pixel. */
  channels: Uint16Array;
  /** Events with a channel number that the spectrum does not have. */
  outside: number;
}

/** Sorts a stream of events by pixel; after the last pixel of a frame the next frame begins at the first again. */
export function sortStream(stream: ArrayLike<number>, pixels: number, points: number): StreamCounts {
  const starts = new Uint32Array(pixels + 1);
  let outside = 0;
  eachEvent(stream, pixels, (pixel, channel) => {
    if (channel < points) starts[pixel + 1]++;
    else outside++;
  });
  for (let pixel = 0; pixel < pixels; pixel++) starts[pixel + 1] += starts[pixel];
  const next = starts.slice();
  const channels = new Uint16Array(starts[pixels]);
  eachEvent(stream, pixels, (pixel, channel) => {
    if (channel < points) channels[next[pixel]++] = channel;
  });
  return { starts, channels, outside };
}

function eachEvent(stream: ArrayLike<number>, pixels: number, take: (pixel: number, channel: number) => void): void {
  let pixel = 0;
  for (let i = 0; i < stream.length; i++) {
    if (stream[i] !== PIXEL_ENDS) take(pixel, stream[i]);
    else if (++pixel === pixels) pixel = 0;
  }
}
