import type { Draft, Field, FieldErrors } from '@/api/limits'

/** Somebody who has paused for so long may be told what is wrong with what is there. */
const PAUSE_MS = 500

/** Checks a form while it is typed: complaints go at once, and come only with a pause, and never about what is empty. */
export function createTypingCheck(find: () => FieldErrors, tell: (errors: FieldErrors) => void) {
  let timer: ReturnType<typeof setTimeout> | undefined

  function check(draft: Draft, told: FieldErrors): void {
    stop()
    tell(keep(find(), (field) => told[field] !== undefined))
    timer = setTimeout(
      () => tell(keep(find(), (field) => told[field] !== undefined || isStarted(draft[field]))),
      PAUSE_MS,
    )
  }
  function stop(): void {
    clearTimeout(timer)
  }

  return { check, stop }
}

export type TypingCheck = ReturnType<typeof createTypingCheck>

/** Whether there is more than nothing or a sign. */
function isStarted(text: string): boolean {
  return !/^\s*[+−-]?\s*$/.test(text)
}

function keep(errors: FieldErrors, isWanted: (field: Field) => boolean): FieldErrors {
  const fields = Object.keys(errors) as Field[]
  return Object.fromEntries(fields.filter(isWanted).map((field) => [field, errors[field]]))
}
