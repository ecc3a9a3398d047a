package services

import (
	"path/filepath"
	"sync"
	"testing"
)

// FlightCount is how many flights left New York City in 2013.
const FlightCount = 336_776

var flightsDir = sync.OnceValues(func() (string, error) { return runScript("flights.sh") })

// Flights returns the paths of two CSV files with header lines: the flights that left New York City
// in 2013 (FlightCount of them) and the airlines that flew them. NA stands for a missing value.
func Flights(tb testing.TB) (flightsCSV, airlinesCSV string) {
	tb.Helper()
	dir, err := flightsDir()
	if err != nil {
		Unavailable(tb, "flights", err)
	}
	return filepath.Join(dir, "flights.csv"), filepath.Join(dir, "airlines.csv")
}
