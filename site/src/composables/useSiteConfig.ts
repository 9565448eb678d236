import { onMounted, onScopeDispose, shallowReadonly, shallowRef } from 'vue'

import { backoffDelay } from '@/api/backoff'
import { loadConfig, type SiteConfig } from '@/api/config'

/** Between two tries that failed, at least: no page hammers at a site that is down. */
const LEAST_MS = 2_000

/** Why there are no settings, and when they are asked for again (in milliseconds since 1970). */
export interface ConfigFailure {
  readonly reason: string
  readonly retryAt: number
}

/** Reads the site's settings at start, and again and again until they are there; `load` asks at once. */
export function useSiteConfig() {
  const config = shallowRef<SiteConfig>()
  const failure = shallowRef<ConfigFailure>()
  let attempt = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  async function load(): Promise<void> {
    clearTimeout(timer)
    try {
      config.value = await loadConfig()
      failure.value = undefined
    } catch (error) {
      const delay = LEAST_MS + backoffDelay((attempt += 1))
      const reason = error instanceof Error ? error.message : String(error)
      failure.value = { reason, retryAt: Date.now() + delay }
      timer = setTimeout(() => void load(), delay)
    }
  }
  onMounted(load)
  onScopeDispose(() => clearTimeout(timer))

  return { config: shallowReadonly(config), failure: shallowReadonly(failure), load }
}
