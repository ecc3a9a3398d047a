// Package lower makes the physical plan of a logical tree: column ids become positions, conditions
// become keys and residuals, edges get their exchange, equal subtrees become one node. It knows the
// operators' configurations and nothing of SQL.
package lower
