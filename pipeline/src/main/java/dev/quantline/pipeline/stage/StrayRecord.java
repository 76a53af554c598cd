package dev.quantline.pipeline.stage;

/** A record about work that no stage has planned: forged, or of another installation. It is put aside and changes no job. */
public final class StrayRecord extends RuntimeException {
    private static final long serialVersionUID = 1;

    public StrayRecord(String message) {
        super(message);
    }
}
