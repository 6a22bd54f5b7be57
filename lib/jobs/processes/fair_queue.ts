/** A queue that serves its owners round-robin, and the items of one owner in order. */
export class FairQueue<T> {
  readonly #byOwner = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  countOf(owner: string): number {
    return this.#byOwner.get(owner)?.length ?? 0;
  }

  push(owner: string, item: T): void {
    const items = this.#byOwner.get(owner);
    if (items) items.push(item);
    else this.#byOwner.set(owner, [item]);
    this.#size++;
  }

  /** The oldest item of the next owner, which then moves behind the other owners. */
  shift(): T | undefined {
    const [next] = this.#byOwner;
    if (!next) return undefined;
    const [owner, items] = next;
    this.#byOwner.delete(owner);
    if (items.length > 1) this.#byOwner.set(owner, items);
    this.#size--;
    return items.shift();
  }

  /** Removes all items, round-robin. */
  *drain(): Generator<T> {
    for (let item = this.shift(); item !== undefined; item = this.shift()) yield item;
  }

  /** The newest item of the owner with the most items. */
  popLongest(): T | undefined {
    const [owner] = this.longest();
    return owner === undefined ? undefined : this.#take(owner, (items) => items.pop());
  }

  longest(): [owner: string | undefined, count: number] {
    let longest: [string | undefined, number] = [undefined, 0];
    for (const [owner, { length }] of this.#byOwner) if (length > longest[1]) longest = [owner, length];
    return longest;
  }

  remove(owner: string, item: T): boolean {
    const at = this.#byOwner.get(owner)?.indexOf(item) ?? -1;
    return at >= 0 && this.#take(owner, (items) => items.splice(at, 1)[0]) !== undefined;
  }

  #take(owner: string, take: (items: T[]) => T | undefined): T | undefined {
    const items = this.#byOwner.get(owner);
    if (!items) return undefined;
    const item = take(items);
    this.#size--;
    if (items.length === 0) this.#byOwner.delete(owner);
    return item;
  }
}
