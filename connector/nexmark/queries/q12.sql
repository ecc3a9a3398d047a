-- Windows of a person's bids. The benchmark cuts them by the clock of the machine; here it is event
-- time, because a view's content must not depend on when it was computed.
SELECT bidder, count(*) AS bids, window_start, window_end
FROM TUMBLE(bid, date_time, INTERVAL '10 seconds')
GROUP BY bidder, window_start, window_end
