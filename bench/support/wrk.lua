-- Sends each line of a file of signed messages once. wrk's Lua is too slow to sign: messages.ts did it beforehand.
-- wrk ... -- FILE THREADS

local threads = 0

function setup(thread)
  thread:set("index", threads)
  threads = threads + 1
end

function init(args)
  lines = io.lines(args[1])
  stride = tonumber(args[2])
  -- Thread k of n takes the lines k, k + n, k + 2n ...
  for _ = 1, index do lines() end
  head = "POST /webhook HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nX-Signature: "
end

function request()
  local line = lines()
  -- Nothing is ever sent twice; the 404s tell the run that its file was too short.
  if line == nil then
    lines = function() end
    return "GET /out-of-messages HTTP/1.1\r\nHost: bench\r\n\r\n"
  end
  for _ = 2, stride do lines() end
  local body = line:sub(66)
  return head .. line:sub(1, 64) .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"answers":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50Ms":%.3f,"p99Ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
