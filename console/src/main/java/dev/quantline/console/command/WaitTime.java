package dev.quantline.console.command;

import java.time.Duration;
import java.util.Map;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A time as people write it: {@code 90s}, {@code 5m}, {@code 1h}, {@code 7d}; a number alone counts seconds. */
final class WaitTime implements ITypeConverter<Duration> {
    private static final Pattern FORM = Pattern.compile("(\\d{1,6})\\s*(s|m|h|d|)");
    private static final Map<String, Duration> UNITS = Map.of(
            "",
            Duration.ofSeconds(1),
            "s",
            Duration.ofSeconds(1),
            "m",
            Duration.ofMinutes(1),
            "h",
            Duration.ofHours(1),
            "d",
            Duration.ofDays(1));

    @Override
    public Duration convert(String value) {
        var parts = FORM.matcher(value);
        if (!parts.matches()) {
            throw new TypeConversionException("'" + value + "' is not a time such as 90s or 5m");
        }
        return UNITS.get(parts.group(2)).multipliedBy(Long.parseLong(parts.group(1)));
    }
}
