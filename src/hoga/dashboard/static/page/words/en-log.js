// English. The open log.
export default {
  copy: "Copy", copied: "Copied", "copy-by-hand": "Selected: copy it", follow: "Follow",
  "no-log-of-level": "None of the last {count} lines is of this level.", "n-log-level": "Least level",
  log: {
    all: "all lines", WARNING: "warnings", ERROR: "errors",
  },
};
