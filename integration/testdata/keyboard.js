// A walk through the page by the tabulator key: everything that can be done is
// reached, and it is seen where one is.
var walk = (() => {
  const seen = new Set()
  let last = null, stays = 0
  const faults = []
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.type !== 'hidden'
  const all = () => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter(shown)
  const name = (e) => `${e.tagName} ${e.id || e.name || ''} ${e.textContent.trim().slice(0, 30)}`
  return {
    begin() { document.activeElement?.blur(); window.scrollTo(0, 0); return '' },
    // step takes in where the focus is, and says whether the round is over.
    step() {
      const e = document.activeElement
      if (e && e === last && ++stays < 8) return false // a field of several parts, such as a date
      if (!e || e === document.body || seen.has(e)) return true
      last = e
      stays = 0
      seen.add(e)
      const style = getComputedStyle(e)
      if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) faults.push(`the focus is not seen on ${name(e)}`)
      const box = e.getBoundingClientRect()
      if (box.right <= 0 || box.left >= innerWidth || box.bottom <= 0 || box.top >= innerHeight) faults.push(`the focus is off the screen on ${name(e)}`)
      return false
    },
    end() {
      for (const e of all()) if (!seen.has(e) && !(e.type === 'radio')) faults.push(`no key reaches ${name(e)}`)
      return faults.join('; ')
    },
  }
})()
