import { onMounted, shallowReadonly, shallowRef } from 'vue'

import { loadConfig, type SiteConfig } from '@/api/config'

/** Reads the site's settings once, and again whenever `load` is called after a failure. */
export function useSiteConfig() {
  const config = shallowRef<SiteConfig>()
  const failure = shallowRef<string>()

  async function load(): Promise<void> {
    failure.value = undefined
    try {
      config.value = await loadConfig()
    } catch (error) {
      failure.value = error instanceof Error ? error.message : String(error)
    }
  }
  onMounted(load)

  return { config: shallowReadonly(config), failure: shallowReadonly(failure), load }
}
