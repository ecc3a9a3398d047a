// Package all brings in every connector and every format. The binary imports it; nothing else needs
// to know their names.
package all

import (
	_ "tidemill/connector/blackhole"   // sink
	_ "tidemill/connector/datagen"     // source
	_ "tidemill/connector/file"        // source
	_ "tidemill/connector/format/csv"  // FORMAT … ENCODE CSV
	_ "tidemill/connector/format/json" // FORMAT … ENCODE JSON
	_ "tidemill/connector/format/raw"  // FORMAT … ENCODE BYTES
	_ "tidemill/connector/kafka"       // source and sink
	_ "tidemill/connector/nexmark"     // source
)
