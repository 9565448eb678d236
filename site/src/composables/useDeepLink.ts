import { onScopeDispose, watch } from 'vue'

import type { Factory } from '@/api/factory'

import type { Announcements } from './useAnnouncements'
import type { FactoryTree } from './useFactoryTree'
import { isolate, withoutMarks } from './isolate'
import type { Toasts } from './useToasts'
import type { TreeFocus } from './useTreeFocus'

interface DeepLinkSurroundings {
  readonly tree: FactoryTree
  readonly focus: TreeFocus
  readonly toasts: Toasts
  readonly announcements: Announcements
}

/** An address with the id of a factory behind `#` leads to it. */
export function useDeepLink({ tree, focus, toasts, announcements }: DeepLinkSurroundings) {
  /** Goes to the factory that the address names, if it names one. */
  function follow(): void {
    const id = location.hash.slice(1)
    if (id === '' || !tree.isLoaded.value) {
      return
    }
    if (tree.rows.value.has(id)) {
      focus.setOpen(id, true)
      void focus.focus(id)
    } else {
      tell('The factory that this link leads to is not there, or no more.')
    }
  }
  function tell(text: string): void {
    toasts.show(text)
    announcements.announce(withoutMarks(text))
  }
  async function copyLink({ id, name }: Factory): Promise<void> {
    const link = new URL(`#${id}`, location.href).href
    try {
      await navigator.clipboard.writeText(link)
      tell(`Copied the link to “${isolate(name)}”.`)
    } catch {
      // Not every page may write to the clipboard: then the link is in the address bar.
      location.hash = id
      tell('The link is in the address bar.')
    }
  }
  watch(tree.isLoaded, follow)
  window.addEventListener('hashchange', follow)
  onScopeDispose(() => window.removeEventListener('hashchange', follow))

  return { copyLink }
}
