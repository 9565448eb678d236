import { onScopeDispose, shallowReadonly, shallowRef } from 'vue'

import { loadConfig, type SiteConfig } from '@/api/config'

/** A page that stays open looks so often: a release of the site alone restarts no server that could tell. */
const LOOK_MS = 5 * 60_000
/** Whoever comes back to the page again and again does not ask each time. */
const LEAST_MS = 30_000

/**
 * Notices that a newer release of the site is live than the one on this page. Never reloads by itself. `onSettings` gets
 * the site's settings each time they are read.
 */
export function useRelease(shown: SiteConfig, onSettings: (config: SiteConfig) => void) {
  const isOutdated = shallowRef(false)
  let hellos = 0
  let lookedAt = Date.now()

  /** Looks after every reconnection: a release restarts the servers that it changes. */
  async function onHello(): Promise<void> {
    hellos += 1
    if (hellos > 1) {
      return look()
    }
  }
  async function look(): Promise<void> {
    lookedAt = Date.now()
    const live = await loadConfig().catch(() => undefined)
    if (live) {
      isOutdated.value ||= live.build !== shown.build
      onSettings(live)
    }
  }
  function lookIfSeen(): void {
    if (document.visibilityState === 'visible' && Date.now() - lookedAt >= LEAST_MS) {
      void look()
    }
  }
  const timer = setInterval(lookIfSeen, LOOK_MS)
  document.addEventListener('visibilitychange', lookIfSeen)
  onScopeDispose(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', lookIfSeen)
  })

  return { isOutdated: shallowReadonly(isOutdated), onHello }
}
