// Nothing moved while the page loaded, it is as wide as the screen and a wide screen shows
// its tables whole, it has one headline, and texts of strangers are texts.
new Promise((resolve) => {
  const observer = new PerformanceObserver(() => {})
  observer.observe({ type: 'layout-shift', buffered: true })
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const faults = []
    const moved = [...performance.getEntriesByType('layout-shift'), ...observer.takeRecords()].reduce((sum, e) => sum + e.value, 0)
    if (moved > 0) faults.push(`moves by ${moved}`)
    const root = document.documentElement
    if (root.scrollWidth > window.innerWidth) faults.push(`is ${root.scrollWidth} wide on ${window.innerWidth}`)
    const beside = [...document.querySelectorAll('.table')].filter((t) => t.scrollWidth > t.clientWidth)
    if (window.innerWidth >= 1280 && beside.length > 0) faults.push(`has ${beside.length} tables whose last columns are out of sight`)
    if (document.querySelectorAll('h1').length !== 1) faults.push('has not one h1')
    if (document.querySelector('[data-hostile]')) faults.push('has markup of a stranger')
    resolve(faults.join('; '))
  }))
})
