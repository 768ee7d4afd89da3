// What the pictures ask the store about the chosen instrument.
export const placeOf = (store) => store.chosenInstrument()?.place ?? -1;
export const hasBook = (store) => store.chosenStreams().some((at) => store.meta?.books.includes(at));
export const choosePlace = (store, place) => store.choose(store.instruments[place]?.key);
