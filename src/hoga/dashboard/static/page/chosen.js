// What the pictures ask the store about instruments and venues.
export const placeOf = (store) => store.chosenInstrument()?.place ?? -1;
export const hasBook = (store) => store.chosenStreams().some((at) => store.meta?.books.includes(at));
export const choosePlace = (store, place) => store.choose(store.instruments[place]?.key);
const venue = (store, id) => store.meta?.venues?.find((each) => each.id === id);
export const venueTitle = (store, id) => venue(store, id)?.title ?? id;
export const venueShort = (store, id) => venue(store, id)?.short ?? id;
