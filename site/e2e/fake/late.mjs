import { setTimeout as pause } from 'node:timers/promises'

/** The longest time between what a request does and its answer. With some, steps go red that take the one for the other. */
const LATE_MS = Number(process.env['LATE_MS'] ?? 0)

/** Waits for a random time below LATE_MS. */
export async function beLate() {
  if (LATE_MS > 0) {
    await pause(Math.random() * LATE_MS)
  }
}
