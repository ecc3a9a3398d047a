// Package all makes every connector and format known.
package all

import (
	_ "tidemill/connector/file"
	_ "tidemill/connector/format/csv"
	_ "tidemill/connector/format/json"
	_ "tidemill/connector/format/raw"
	_ "tidemill/connector/kafka"
	_ "tidemill/connector/nexmark"
)
