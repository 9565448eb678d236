import { formatNumber } from '@/api/limits'

import type { FactoryRow } from './pendingWrites'
import { isApple } from './platform'
import type { Selection } from './useSelection'
import type { ShownRows } from './useShownRows'
import { factoryIdOf, numberKey, ROOT_KEY, type TreeFocus, type TreeKey } from './useTreeFocus'

/** A pause as long as this starts a new word. */
const TYPE_AHEAD_MS = 600

export interface TreeActions {
  rename(row: FactoryRow): void
  /** Removes a factory, or all that are selected if it is one of them. */
  remove(row: FactoryRow): void
}

export interface TreeParts {
  readonly rows: ShownRows
  readonly focus: TreeFocus
  readonly selection: Selection
  /** How many rows the window shows. */
  readonly pageSize: () => number
}

/** The keyboard of the tree, as the ARIA practices describe it, with F2 and Delete as in a file list. */
export function useTreeKeys(parts: TreeParts, actions: TreeActions) {
  const { rows, focus, selection, pageSize } = parts
  const typeAhead = createTypeAhead()

  /** Everything that can be reached, from top to bottom. */
  function visibleKeys(): TreeKey[] {
    if (!focus.isOpen(ROOT_KEY)) {
      return [ROOT_KEY]
    }
    return [ROOT_KEY, ...rows.sorted.value.flatMap((row) => keysOf(row))]
  }
  function keysOf(row: FactoryRow): TreeKey[] {
    const { id } = row.factory
    return hasShownNumbers(row)
      ? [id, ...row.factory.numbers.map((_, index) => numberKey(id, index))]
      : [id]
  }
  function hasShownNumbers({ factory, awaited }: FactoryRow): boolean {
    return awaited === undefined && focus.isOpen(factory.id)
  }
  function rowOf(key: TreeKey): FactoryRow | undefined {
    return rows.find(factoryIdOf(key) ?? '')
  }
  function isNumber(key: TreeKey): boolean {
    return key.includes('/')
  }
  function hasChildren(key: TreeKey): boolean {
    if (key === ROOT_KEY) {
      return rows.sorted.value.length > 0
    }
    return !isNumber(key) && (rowOf(key)?.factory.numbers.length ?? 0) > 0
  }

  function step(key: TreeKey, by: number): TreeKey {
    const keys = visibleKeys()
    const last = keys.length - 1
    return keys[Math.min(last, Math.max(0, keys.indexOf(key) + by))] ?? key
  }
  /** Goes on by one factory, and selects from where it began. */
  function extend(key: TreeKey, by: 1 | -1): TreeKey {
    const from = rows.indexOf(factoryIdOf(key) ?? '')
    const id = rows.sorted.value[from + by]?.factory.id
    if (id === undefined) {
      return key
    }
    if (from >= 0 && selection.rows.value.length === 0) {
      selection.toggle(factoryIdOf(key) ?? '')
    }
    selection.extendTo(id)
    return id
  }
  function openOrEnter(key: TreeKey): TreeKey {
    if (!hasChildren(key)) {
      return key
    }
    if (focus.isOpen(key)) {
      return step(key, 1)
    }
    focus.setOpen(key, true)
    return key
  }
  function closeOrLeave(key: TreeKey): TreeKey {
    if (isNumber(key)) {
      return factoryIdOf(key) ?? ROOT_KEY
    }
    if (hasChildren(key) && focus.isOpen(key)) {
      focus.setOpen(key, false)
      return key
    }
    return ROOT_KEY
  }
  function findByText(key: TreeKey, typed: string): TreeKey {
    const keys = visibleKeys()
    // A longer word may still be the item where the keyboard is; a first letter goes on to the next.
    const start = keys.indexOf(key) + (Array.from(typed).length === 1 ? 1 : 0)
    const ahead = [...keys.slice(start), ...keys.slice(0, start)]
    return ahead.find((candidate) => textOf(candidate).startsWith(typed)) ?? key
  }
  function textOf(key: TreeKey): string {
    const row = rowOf(key)
    if (!row) {
      return 'factories'
    }
    const index = key.split('/')[1]
    const number = index === undefined ? undefined : row.factory.numbers[Number(index)]
    return number === undefined ? row.factory.name.toLowerCase() : formatNumber(number)
  }
  function toggle(key: TreeKey): TreeKey {
    const row = isNumber(key) ? undefined : rowOf(key)
    if (row) {
      selection.toggle(row.factory.id)
    } else if (key === ROOT_KEY) {
      focus.setOpen(key, !focus.isOpen(key))
    }
    return key
  }
  function openAll(key: TreeKey): TreeKey {
    focus.setOpen(ROOT_KEY, true)
    focus.setAllOpen(true)
    return key
  }
  function giveUp(): undefined | 'ignored' {
    if (selection.rows.value.length === 0) {
      return 'ignored'
    }
    selection.clear()
    return undefined
  }
  function act(key: TreeKey, action: (row: FactoryRow) => void): TreeKey | undefined {
    const row = isNumber(key) ? undefined : rowOf(key)
    if (!row) {
      return key === ROOT_KEY ? toggle(key) : key
    }
    action(row)
    // The action decides where the keyboard goes.
    return undefined
  }

  /** Returns where a key leads; nothing when the tree leaves it to the page. */
  function destination(event: KeyboardEvent, key: TreeKey): TreeKey | undefined | 'ignored' {
    switch (event.key) {
      case 'ArrowDown':
        return event.shiftKey ? extend(key, 1) : step(key, 1)
      case 'ArrowUp':
        return event.shiftKey ? extend(key, -1) : step(key, -1)
      case 'PageDown':
        return step(key, pageSize())
      case 'PageUp':
        return step(key, -pageSize())
      case 'ArrowRight':
        return openOrEnter(key)
      case 'ArrowLeft':
        return closeOrLeave(key)
      case 'Home':
        return ROOT_KEY
      case 'End':
        return visibleKeys().at(-1)
      case 'Enter':
      case 'F2':
        return act(key, actions.rename)
      case '*':
        return openAll(key)
      case 'Escape':
        return giveUp()
      case 'Backspace':
      case 'Delete':
        if (event.key === 'Backspace' && !isApple) {
          return 'ignored'
        }
        return key === ROOT_KEY ? 'ignored' : act(key, actions.remove)
      case ' ':
        return typeAhead.isTyping() ? findByText(key, typeAhead.add(' ')) : toggle(key)
      default:
        return isCharacter(event.key) ? findByText(key, typeAhead.add(event.key)) : 'ignored'
    }
  }

  function onKeydown(event: KeyboardEvent): void {
    const key = keyOfItem(event.target)
    if (key !== undefined && isSelectAll(event)) {
      event.preventDefault()
      return selection.selectAll()
    }
    if (key === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      return
    }
    const next = destination(event, key)
    if (next === 'ignored') {
      return
    }
    event.preventDefault()
    if (next !== undefined) {
      void focus.focus(next)
    }
  }

  return { onKeydown }
}

/** Returns the item that has the keyboard; nothing while a field or button inside of it has it. */
function keyOfItem(target: EventTarget | null): TreeKey | undefined {
  return target instanceof HTMLElement ? target.dataset['key'] : undefined
}

function isSelectAll({ key, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === 'a' && (isApple ? metaKey : ctrlKey) && !shiftKey && !altKey
}

function isCharacter(key: string): boolean {
  return Array.from(key).length === 1
}

function createTypeAhead() {
  let typed = ''
  let typedAt = 0

  function isTyping(): boolean {
    return typed !== '' && Date.now() - typedAt < TYPE_AHEAD_MS
  }
  function add(character: string): string {
    typed = (isTyping() ? typed : '') + character.toLowerCase()
    typedAt = Date.now()
    return typed
  }
  return { isTyping, add }
}
