import { shallowReadonly, shallowRef } from 'vue'

import { loadConfig, type SiteConfig } from '@/api/config'

/** Notices that a newer release of the site is live than the one on this page. Never reloads by itself. */
export function useRelease(shown: SiteConfig) {
  const isOutdated = shallowRef(false)
  let hellos = 0

  /** Looks after every reconnection: a release restarts the servers that it changes. */
  async function onHello(): Promise<void> {
    hellos += 1
    if (hellos === 1 || isOutdated.value) {
      return
    }
    const live = await loadConfig().catch(() => shown)
    isOutdated.value = live.build !== shown.build
  }

  return { isOutdated: shallowReadonly(isOutdated), onHello }
}
