import { onScopeDispose, shallowReadonly, shallowRef } from 'vue'

import type { Factory } from '@/api/factory'
import { formatNumber } from '@/api/limits'

import type { Change } from './knownFactories'

/** Changes of others are told together: one sentence per event would talk without end. */
const DIGEST_MS = 1_500
const MAX_SENTENCES = 3

/** What a screen reader says, politely: our own acts at once, those of others as a digest. */
export function useAnnouncements() {
  const announcement = shallowRef({ id: 0, text: '' })
  let collected: Change[] = []
  let timer: ReturnType<typeof setTimeout> | undefined

  function announce(text: string): void {
    announcement.value = { id: announcement.value.id + 1, text }
  }
  function announceChanges(changes: readonly Change[]): void {
    if (changes.length === 0) {
      return
    }
    collected.push(...changes)
    timer ??= setTimeout(() => {
      const news = digest(collected)
      if (news !== '') {
        announce(news)
      }
      collected = []
      timer = undefined
    }, DIGEST_MS)
  }
  onScopeDispose(() => clearTimeout(timer))

  return { announcement: shallowReadonly(announcement), announce, announceChanges }
}

export type Announcements = ReturnType<typeof useAnnouncements>

/** Returns a few sentences about many changes. */
export function digest(changes: readonly Change[]): string {
  const latest = new Map<string, Change>()
  for (const change of changes) {
    const before = latest.has(change.id) ? latest.get(change.id)?.before : change.before
    latest.set(change.id, { ...change, before })
  }
  const all = [...latest.values()].filter(isNews)
  if (all.length <= MAX_SENTENCES) {
    return all.map(describeChange).join(' ')
  }
  const created = all.filter(({ before }) => !before).length
  const removed = all.filter(({ after }) => !after).length
  return `${all.length} factories changed elsewhere: ${created} new, ${removed} removed.`
}

/** What was made and removed, or changed and changed back, in between is no news. */
function isNews({ before, after }: Change): boolean {
  return describe(before) !== describe(after)
}

function describe(factory: Factory | undefined): string | undefined {
  return factory && JSON.stringify({ ...factory, revision: 0, changedBy: '' })
}

function describeChange({ before, after }: Change): string {
  if (!after) {
    return before ? `${before.name} was removed.` : ''
  }
  if (!before) {
    return `${after.name} is new.`
  }
  if (before.name !== after.name) {
    return `${before.name} is now called ${after.name}.`
  }
  if (before.lower !== after.lower || before.upper !== after.upper) {
    const [lower, upper] = [after.lower, after.upper].map(formatNumber)
    return `${after.name} now draws from ${lower} to ${upper}.`
  }
  return `${after.name} has ${after.numbers.length} new numbers.`
}
