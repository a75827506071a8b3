-- Runs each expression of ARGV and returns what it returns, or its error, as text. Entries of a table are sorted, for they have no
-- order of their own. An expression wraps with `bag` a string whose parts have none.

local function escaped(byte)
  return string.format('\\%03d', string.byte(byte))
end

local function quoted(text)
  return '"' .. string.gsub(text, '[^%w !#$%%&\'()*+,./:;<=>?@%[%]^_{|}~-]', escaped) .. '"'
end

-- The length of a text, its smallest and its largest byte, and sums of what the bytes are.
local function bag(text)
  local sum, squares, smallest, largest = 0, 0, 256, -1
  for index = 1, #text do
    local byte = string.byte(text, index)
    sum, squares = sum + byte, squares + byte * byte
    smallest, largest = math.min(smallest, byte), math.max(largest, byte)
  end
  return string.format('%d bytes %d-%d %d %d', #text, smallest, largest, sum, squares)
end

-- A long string: its length, its ends, and a checksum.
local function summary(text)
  local sum = 0
  for index = 1, #text do
    sum = (sum * 31 + string.byte(text, index)) % 4294967296
  end
  return #text .. ' bytes ' .. sum .. ' ' .. quoted(string.sub(text, 1, 20)) .. ' to ' .. quoted(string.sub(text, -20))
end

local show

local function show_table(value)
  local parts, is_array = {}, true
  for key, element in next, value do
    parts[#parts + 1] = show(key) .. '=' .. show(element)
    is_array = is_array and type(key) == 'number'
  end
  table.sort(parts)
  return '{' .. (is_array and '#' .. #value .. ' ' or '') .. table.concat(parts, ' ') .. '}'
end

function show(value)
  local kind = type(value)
  if kind == 'string' then
    return #value <= 400 and quoted(value) or summary(value)
  elseif kind == 'number' then
    -- The sign of NaN is the processor's.
    return value ~= value and 'nan' or string.format('%.17g', value)
  elseif kind == 'table' then
    return show_table(value)
  elseif kind == 'userdata' then
    return value == cjson.null and 'null' or 'userdata'
  elseif kind == 'boolean' or kind == 'nil' then
    return tostring(value)
  end
  return kind
end

local function answer(succeeded, ...)
  local parts = { succeeded and 'ok' or 'error' }
  for index = 1, select('#', ...) do
    parts[#parts + 1] = show((select(index, ...)))
  end
  return table.concat(parts, ' ')
end

local answers = {}
for index, source in ipairs(ARGV) do
  local chunk, wrong = loadstring('local bag = ... return ' .. source, 'case')
  answers[index] = chunk and answer(pcall(chunk, bag)) or 'malformed ' .. wrong
end
return answers
