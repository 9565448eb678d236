/** Whether the keys are those of an Apple keyboard. */
export const isApple = /Mac|iP(hone|ad|od)/.test(navigator.platform)

/** The keys of the page, in the platform's own names. */
export const KEYS = isApple
  ? { undo: '⌘Z', rename: 'F2', remove: '⌫', all: '⌘A' }
  : { undo: 'Ctrl+Z', rename: 'F2', remove: 'Delete', all: 'Ctrl+A' }
