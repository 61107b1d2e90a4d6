package advice

import (
	"fmt"
	"time"
)

// WrongClock is the offset from which this machine's clock is to blame for trouble: tokens are refused at about five
// minutes.
const WrongClock = 2 * time.Minute

// DescribeOffset says how this machine's clock compares with the server's, which is ahead by offset, as the end of a
// sentence: "11m0s behind the server's".
func DescribeOffset(offset time.Duration) string {
	switch offset = offset.Round(time.Second); {
	case offset.Abs() <= time.Second: // all that a Date header can tell
		return "in step with the server's"
	case offset > 0:
		return fmt.Sprintf("%s behind the server's", offset)
	default:
		return fmt.Sprintf("%s ahead of the server's", -offset)
	}
}
