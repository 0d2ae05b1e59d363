// Every rule of axe-core, with that for the size of what is touched, which is off by
// itself.
axe.run(document, { rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] }).then(({ violations }) =>
  violations.map((v) => `${v.id} (${v.help}): ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${(n.any[0] || n.all[0] || n.none[0] || {}).message || ''}`).join(' | ')}`).join('\n'))
