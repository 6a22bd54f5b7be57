import { LoopscopeError } from "../../base/errors.ts";

const PAGE_BYTES = 65536;
const MAX_PAGES = 65536;
/** Addresses are multiples of 256 bytes: four cache lines. */
const ALIGN = 256;

interface Block {
  address: number;
  bytes: number;
}

/** First-fit allocator over one WebAssembly memory of up to 4 GiB, which grows when nothing free is large enough. */
export class SharedHeap {
  readonly memory: WebAssembly.Memory;
  private free: Block[];
  private readonly used = new Map<number, number>();
  /** Memory from here on was never handed out and is still zero: it costs nothing until it is written. */
  private untouchedFrom = ALIGN;

  constructor(shared: boolean) {
    this.memory = new WebAssembly.Memory({ initial: 16, maximum: MAX_PAGES, shared });
    // Address 0 stands for "none" in commands.
    this.free = [{ address: ALIGN, bytes: 16 * PAGE_BYTES - ALIGN }];
  }

  /** Zeroed bytes at a multiple of 256. Throws LoopscopeError `out_of_memory` where the memory cannot grow so far. */
  allocate(bytes: number): number {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    let block = this.free.find((candidate) => candidate.bytes >= size);
    if (block === undefined) block = this.grow(size);
    const { address } = block;
    block.address += size;
    block.bytes -= size;
    if (block.bytes === 0) this.free.splice(this.free.indexOf(block), 1);
    this.used.set(address, size);
    const dirty = Math.min(address + size, this.untouchedFrom) - address;
    if (dirty > 0) new Uint8Array(this.memory.buffer, address, dirty).fill(0);
    this.untouchedFrom = Math.max(this.untouchedFrom, address + size);
    return address;
  }

  release(address: number): void {
    const bytes = this.used.get(address);
    if (bytes === undefined) throw new RangeError(`Nothing was allocated at ${address}`);
    this.used.delete(address);
    this.free.push({ address, bytes });
    this.free.sort((a, b) => a.address - b.address);
    this.free = this.free.reduce<Block[]>((merged, block) => {
      const last = merged.at(-1);
      if (last && last.address + last.bytes === block.address) last.bytes += block.bytes;
      else merged.push(block);
      return merged;
    }, []);
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return [...this.used.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  doubles(address: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length);
  }

  words(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  private grow(bytes: number): Block {
    const end = this.memory.buffer.byteLength;
    const last = this.free.at(-1);
    const atEnd = last !== undefined && last.address + last.bytes === end ? last : undefined;
    const pages = Math.ceil((bytes - (atEnd?.bytes ?? 0)) / PAGE_BYTES);
    try {
      this.memory.grow(pages);
    } catch (cause) {
      const met = Math.round((end + bytes) / 2 ** 20);
      throw new LoopscopeError("unavailable", "out_of_memory", `The engine needs ${met} MiB; expected at most 4096`, {
        cause,
      });
    }
    if (atEnd !== undefined) {
      atEnd.bytes += pages * PAGE_BYTES;
      return atEnd;
    }
    const block = { address: end, bytes: pages * PAGE_BYTES };
    this.free.push(block);
    return block;
  }
}

/** What one owner allocated, to be released together. */
export class Arena {
  private readonly addresses: number[] = [];

  constructor(readonly heap: SharedHeap) {}

  bytes(count: number): number {
    const address = this.heap.allocate(count);
    this.addresses.push(address);
    return address;
  }

  floats(count: number): number {
    return this.bytes(4 * count);
  }

  release(): void {
    for (const address of this.addresses.splice(0)) this.heap.release(address);
  }
}
