package dev.quantline.pipeline.service;

import dev.quantline.onnx.Escaped;
import io.quarkus.logging.LoggingFilter;
import java.util.logging.Filter;
import java.util.logging.LogRecord;
import org.jboss.logmanager.ExtLogRecord;

/** Lets every record pass, and escapes what it says: a model's names may look like escape sequences of a terminal, or like more lines. */
@LoggingFilter(name = "quantline-escaped")
public final class EscapedLog implements Filter {
    @Override
    public boolean isLoggable(LogRecord record) {
        if (record instanceof ExtLogRecord said) {
            var message = said.getFormattedMessage();
            if (message != null && !Escaped.text(message).equals(message)) {
                said.setMessage(Escaped.text(message), ExtLogRecord.FormatStyle.NO_FORMAT);
            }
            if (said.getThrown() != null) {
                said.setThrown(EscapedFailure.of(said.getThrown()));
            }
        }
        return true;
    }
}
