-- Tidies holds that have expired and tells the followers. ARGV: 1 most holds to drop. Answers: the number dropped.
if not known() then return 0 end
local dropped, freed, areas = drop_expired(tonumber(ARGV[1]))
if dropped > 0 then
  announce(#freed > 0 and FREE .. ':' .. table.concat(freed, ',') or '', areas_left(areas))
end
return dropped
