package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class GraphTest {
    /** An If whose branches read {@code outer} from the surrounding graph and define {@code inside} themselves. */
    static Node conditional(String outer) {
        var branch = GraphProto.newBuilder()
                .setName("branch")
                .addNode(NodeProto.newBuilder().setOpType("Neg").addInput(outer).addOutput("inside"))
                .addNode(NodeProto.newBuilder()
                        .setOpType("Abs")
                        .addInput("inside")
                        .addOutput("result"))
                .addOutput(ValueInfos.of("result", DataType.FLOAT, 2));
        return new Node("choice", "If", "", List.of("flag"), List.of("y"), GraphBuilder.bothBranches(branch.build()));
    }

    private static Graph withBranches() {
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, 2));
        graph.inputs().add(ValueInfos.of("flag", DataType.BOOL));
        graph.initializers().put("unused", Tensor.vector(1f, 1f));
        graph.initializers().put("shift", Tensor.vector(1f, 2f));
        graph.nodes().add(Node.of("Add", List.of("x", "shift"), "moved"));
        graph.nodes().add(Node.of("Neg", List.of("x"), "dead"));
        graph.nodes().add(conditional("moved"));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, 2));
        return graph;
    }

    @Test
    void everythingOfAFileSurvivesReadingAndWriting() {
        // Given
        var frame =
                withBranches().withMetadata(Map.of("author", "someone")).withOpset("custom", 3).toProto().toBuilder()
                        .setDocString("for people")
                        .setProducerVersion("1.2")
                        .setModelVersion(5);
        frame.getGraphBuilder()
                .setName("a name")
                .addInitializer(TensorProto.newBuilder()
                        .setName("words")
                        .setDataType(8)
                        .addDims(1)
                        .addStringData(ByteString.copyFromUtf8("text")));
        frame.getGraphBuilder()
                .getInputBuilder(0)
                .setDocString("an input")
                .getTypeBuilder()
                .getTensorTypeBuilder()
                .getShapeBuilder()
                .getDimBuilder(0)
                .setDimParam("batch");

        // When
        var written = Graph.of(frame.build()).toProto();

        // Then: the order of initializers may change, but nothing else
        assertEquals(sorted(frame.build()), sorted(written));
    }

    private static ModelProto sorted(ModelProto model) {
        var builder = model.toBuilder();
        var tensors = builder.getGraph().getInitializerList().stream()
                .sorted((a, b) -> a.getName().compareTo(b.getName()))
                .toList();
        builder.getGraphBuilder().clearInitializer().addAllInitializer(tensors);
        return builder.build();
    }

    @Test
    void copiesAreIndependent() {
        // Given
        var graph = Networks.mlp(1);
        int nodes = graph.nodes().size();
        var copy = graph.copy();

        // When
        copy.nodes().removeFirst();
        copy.inputs().clear();
        copy.initializers().clear();

        // Then
        assertEquals(nodes, graph.nodes().size());
        assertEquals(1, graph.inputs().size());
        assertTrue(graph.initializers().containsKey("first.weight"));
    }

    @Test
    void metadataAndOpsetsAreReplacedNotRepeated() {
        var graph = Networks.mlp(1).withMetadata(Map.of("a", "1", "b", "2")).withMetadata(Map.of("a", "3"));
        var model = graph.withOpset("", 17).withOpset("", 18).toProto();

        assertEquals(Map.of("a", "3", "b", "2"), graph.metadata());
        assertEquals(1, model.getOpsetImportCount());
        assertEquals(18, Graph.of(model).opset());
        assertEquals(8, model.getIrVersion());
    }

    @Test
    void sortingFindsARunnableOrderFromAnyShuffling() {
        long seed = 11;
        var random = new Random(seed);
        for (int round = 0; round < 20; round++) {
            // Given
            var graph = Networks.transformer(3);
            Collections.shuffle(graph.nodes(), random);

            // When
            graph.sort();

            // Then
            OnnxLibrary.check(graph);
        }
    }

    @Test
    void sortingLeavesARunnableOrderAlone() {
        var graph = Networks.transformer(3);
        var before = List.copyOf(graph.nodes());

        graph.sort();

        assertEquals(before, graph.nodes());
    }

    @Test
    void whatABranchReadsFromOutsideIsMadeBeforeIt() {
        // Given
        var graph = withBranches();
        graph.nodes().addFirst(graph.nodes().removeLast());

        // When
        graph.sort();

        // Then
        assertEquals(
                List.of("Add", "If", "Neg"),
                graph.nodes().stream().map(Node::op).toList());
    }

    @Test
    void cyclesAndTensorsMadeByNobodyAreNamed() {
        var cycle = Graph.empty(17);
        cycle.nodes().add(Node.of("Add", List.of("a", "b"), "b"));
        var missing = Graph.empty(17);
        missing.nodes().add(Node.of("Neg", List.of("ghost"), "c"));

        assertTrue(assertThrows(BadInput.class, cycle::sort).getMessage().contains("'b/Add'"));
        assertTrue(assertThrows(BadInput.class, missing::sort).getMessage().contains("ghost"));
    }

    @Test
    void pruningKeepsWhatBranchesRead() {
        // Given
        var graph = withBranches();

        // When
        graph.prune();

        // Then
        assertEquals(List.of("Add", "If"), graph.nodes().stream().map(Node::op).toList());
        assertTrue(graph.initializers().containsKey("shift"));
        assertFalse(graph.initializers().containsKey("unused"));
    }

    @Test
    void freshNamesAreTakenByNothingInOrAroundTheGraph() {
        var graph = withBranches();

        for (String taken : List.of("x", "y", "moved", "shift", "choice", "flag", "inside", "result")) {
            assertEquals(taken + "_1", graph.fresh(taken));
        }
        assertEquals("new", graph.fresh("new"));
        assertEquals("new_1", graph.fresh("new"));
    }

    @Test
    void theIndexKnowsMakersReadersAndOutputs() {
        var graph = withBranches();
        var index = graph.index();

        assertEquals("Add", index.producer("moved").orElseThrow().op());
        assertTrue(index.producer("x").isEmpty());
        assertTrue(index.producer("").isEmpty());
        assertEquals("If", index.onlyConsumer("moved").orElseThrow().op());
        assertEquals(2, index.consumers("x").size());
        assertTrue(index.onlyConsumer("x").isEmpty());
        assertTrue(index.onlyConsumer("y").isEmpty());
        assertTrue(index.isOutput("y"));
    }
}
