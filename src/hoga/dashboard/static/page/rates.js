// The last minute of every stream's rate, one value a second: for the sparklines of the list, where it is wide enough for them.
const LATEST = 60;

export class Rates {
  constructor(store) {
    this.store = store;
    this.turn = 0; // grows with each value
    store.on("meta", () => this.begin());
    store.on("point", () => this.take());
    this.begin();
  }

  begin() {
    const { length } = this.store.meta?.streams ?? [];
    if (this.values?.length === length * LATEST) return;
    this.values = new Float32Array(length * LATEST);
    this.at = this.count = 0;
  }

  take() {
    const { rate } = this.store.rows;
    for (let place = 0; place < this.values.length / LATEST; place += 1) this.values[place * LATEST + this.at] = rate[place] ?? 0;
    this.at = (this.at + 1) % LATEST;
    this.count = Math.min(LATEST, this.count + 1);
    this.turn += 1;
  }

  // Of some streams together, oldest first.
  of(places) {
    return Array.from({ length: this.count }, (_, at) => {
      const slot = (this.at - this.count + at + LATEST) % LATEST;
      return places.reduce((sum, place) => sum + this.values[place * LATEST + slot], 0);
    });
  }
}
