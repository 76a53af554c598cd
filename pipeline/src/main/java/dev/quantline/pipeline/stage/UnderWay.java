package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * An item that somebody works on, as the store shows it: its last attempt has not ended. The replica that made it may be gone, until
 * another one begins the next.
 *
 * @param item its name
 */
public record UnderWay(String item, Event.Attempt attempt) {
    /** Below the folder of an item: in the time slice of the first number, none being the first slice, the attempt of the second. */
    private static final Pattern ATTEMPT = Pattern.compile("(?:slices/(\\d{1,9})/)?attempts/(\\d{1,9})");

    private static final Comparator<MatchResult> BY_TIME = Comparator.<MatchResult>comparingInt(
                    key -> key.group(1) == null ? 0 : Integer.parseInt(key.group(1)))
            .thenComparingInt(key -> Integer.parseInt(key.group(2)));

    /** The items of a stage of a job, in their order. */
    public static List<UnderWay> of(Store store, String job, StageName stage) {
        var all = Keys.JOBS + job + "/" + stage.verb() + "/";
        return store.children(all).stream()
                .filter(hash -> hash.endsWith("/"))
                .flatMap(hash -> of(store, all + hash))
                .toList();
    }

    private static Stream<UnderWay> of(Store store, String folder) {
        var keys = new HashSet<>(store.list(folder));
        var order = keys.contains(Keys.manifest(folder))
                ? Optional.<WorkOrder>empty()
                : new StageRecords(store).order(folder);
        return order.stream().flatMap(found -> {
            var stored = new StoredItems(found, folder, keys);
            return IntStream.range(0, found.items().size())
                    .filter(item -> !stored.has(item))
                    .boxed()
                    .flatMap(item -> attempt(store, Keys.part(folder, item), keys)
                            .map(by -> new UnderWay(found.items().get(item).name(), by))
                            .stream());
        });
    }

    private static Optional<Event.Attempt> attempt(Store store, String part, Set<String> keys) {
        return keys.stream()
                .filter(key -> key.startsWith(part))
                .map(key -> ATTEMPT.matcher(key.substring(part.length())))
                .filter(Matcher::matches)
                .max(Comparator.comparing(Matcher::toMatchResult, BY_TIME))
                .flatMap(last -> store.read(part + last.group()))
                .map(json -> Json.read(json, Attempts.Attempt.class))
                .filter(last -> !last.ended() && last.death().isEmpty())
                .flatMap(Attempts.Attempt::by);
    }
}
