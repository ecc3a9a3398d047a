-- Hot items: the auctions with most bids in the last ten seconds, every two seconds.
SELECT b.auction, b.num, b.window_start
FROM (
  SELECT auction, count(*) AS num, window_start
  FROM HOP(bid, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds')
  GROUP BY auction, window_start
) AS b
JOIN (
  SELECT max(num) AS maxn, window_start
  FROM (
    SELECT auction, count(*) AS num, window_start
    FROM HOP(bid, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds')
    GROUP BY auction, window_start
  ) AS c
  GROUP BY window_start
) AS m
ON b.window_start = m.window_start AND b.num >= m.maxn
