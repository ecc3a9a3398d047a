package connector

import "errors"

// ErrClosed is what Poll returns after Close.
var ErrClosed = errors.New("connector: the reader is closed")
